//! What several tests share.

pub(crate) mod certificates;
pub(crate) mod peer;
pub(crate) mod websocket;

/// The program under test, in an environment that does not reach it.
pub(crate) fn mqkit() -> assert_cmd::Command {
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_mqkit"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MQTT_")) {
        command.env_remove(name);
    }
    for name in ["all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"] {
        command.env_remove(name);
    }
    // Far beyond what any of them needs: a test that hangs fails.
    command.timeout(std::time::Duration::from_secs(60));
    command
}
