//! What the tables of a report say, as data.

pub(crate) mod closeness;
pub(crate) mod columns;
pub(crate) mod compare;
pub(crate) mod copying;
pub(crate) mod effects;
pub(crate) mod eye;
pub(crate) mod heat;
pub(crate) mod made;
pub(crate) mod measure_table;
pub(crate) mod membership;
pub(crate) mod name_test;
pub(crate) mod nearest;
pub(crate) mod ranking;
pub(crate) mod rows;
pub(crate) mod scores;
