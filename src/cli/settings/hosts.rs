//! Which host a secret may be sent to: that of its own layer. It must not know how secrets are shown.

use super::{Layer, Setting};
use crate::cli::flags::by_id;
use crate::cli::secret;
use clap::{Arg, Command};

/// Leaves out the secrets that were given together with another host than the one that holds, and says which.
pub(super) fn with_their_hosts(command: &Command, layers: Vec<Layer>) -> (Vec<Layer>, Vec<String>) {
    let host = |layer: &Layer| {
        let named = |flag| layer.iter().find(|setting| setting.flag == flag)?.host();
        ["unix", "host", "url"].into_iter().find_map(named)
    };
    let Some((strongest, target)) = layers
        .iter()
        .enumerate()
        .find_map(|(at, layer)| Some((at, host(layer)?)))
    else {
        return (layers, Vec::new());
    };
    let mut notes = Vec::new();
    let mut kept: Vec<Layer> = Vec::new();
    for (at, layer) in layers.into_iter().enumerate() {
        let other = host(&layer).filter(|own| at > strongest && !own.eq_ignore_ascii_case(&target));
        let (follows, rest): (Layer, Layer) = layer
            .into_iter()
            .partition(|setting| other.is_some() && follows_host(setting));
        for setting in &follows {
            // Who gives another one misses nothing.
            let replaced = |strong: &Setting| follows_host(strong) && is_password(strong) == is_password(setting);
            if !kept.iter().flatten().any(replaced) {
                let flag = by_id(command, setting.flag.as_str())
                    .and_then(Arg::get_long)
                    .unwrap_or_default();
                let (origin, own) = (&setting.origin, other.as_deref().unwrap_or_default());
                notes.push(format!(
                    "--{flag} of {origin} is left out: it is meant for {own}, not for {target}"
                ));
            }
        }
        kept.push(rest);
    }
    (kept, notes)
}

fn follows_host(setting: &Setting) -> bool {
    secret::follows_host(setting.flag.as_str(), &setting.text())
}

/// Of the flags that follow their host: one of those that give the password.
fn is_password(setting: &Setting) -> bool {
    ["password", "password_file", "url"].contains(&setting.flag.as_str())
}
