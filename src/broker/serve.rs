//! tokio half
