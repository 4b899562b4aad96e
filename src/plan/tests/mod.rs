//! What must change a key and what must not; how photos are divided; what is shared; why jobs are made again.

mod cells;
mod kept_keys;
mod keys;
mod notices;
mod race;
mod stored;
mod study;
