//! The mqkit binary.
fn main() {}
