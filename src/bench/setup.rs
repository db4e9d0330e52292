//! What a run is given, as plain data. It must not know what is done with it.

use super::Load;
use super::identity::{Identity, Role};
use crate::client;
use std::time::SystemTime;

/// All that a run needs.
#[derive(Debug, Clone)]
pub struct Setup {
    /// What load to make.
    pub load: Load,
    /// How each client connects. The number of the client is appended to the identifier; `%i` in the user name stands for it.
    pub client: client::Options,
    /// Identifies the run.
    pub run_id: u64,
    /// Begin publishing at this time, not before.
    pub start_at: Option<SystemTime>,
}

impl Setup {
    /// Who a client is.
    pub(super) fn identity(&self, role: Role, index: u32) -> Identity {
        Identity::new(&self.client.session, self.run_id, role, index)
    }
}
