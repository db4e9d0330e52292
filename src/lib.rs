//! mqkit, the `net` layer alone.
pub mod net;
