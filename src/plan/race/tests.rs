//! The rule of the race.
