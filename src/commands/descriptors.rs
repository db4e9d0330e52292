//! How many files and connections this process may have open. It must not know what for.

use crate::cli::Usage;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit as far as an ordinary process may; that it cannot shows later, where a descriptor is missing.
pub(super) fn raise() {
    let limit = getrlimit(Resource::Nofile);
    let _ = set(limit, limit.maximum);
}

/// Makes sure that so many are enough.
///
/// # Errors
/// The hard limit is lower: how much is needed, and what to do.
pub(super) fn need(wanted: u64, what: &str) -> Result<(), Usage> {
    let limit = getrlimit(Resource::Nofile);
    let enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= wanted);
    if enough(limit.current) {
        return Ok(());
    }
    if !enough(limit.maximum) || set(limit, Some(wanted)).is_err() {
        let most = limit.maximum.unwrap_or(wanted);
        return Err(Usage::Bad(format!(
            "{what} need {wanted} file descriptors, and this process may have {most}: raise its hard limit, by root with \
             `ulimit -Hn {wanted}` or `prlimit`, by LimitNOFILE={wanted} of a systemd unit, or by --ulimit nofile={wanted} \
             of a container"
        )));
    }
    Ok(())
}

fn set(limit: Rlimit, current: Option<u64>) -> rustix::io::Result<()> {
    let maximum = limit.maximum;
    setrlimit(Resource::Nofile, Rlimit { current, maximum })
}
