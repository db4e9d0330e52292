//! What several tests share.

pub(crate) mod certificates;
pub(crate) mod hostile;
pub(crate) mod peer;
pub(crate) mod reports;
pub(crate) mod scripted;
pub(crate) mod terminal;
pub(crate) mod trials;
pub(crate) mod watched;
pub(crate) mod websocket;

/// The program under test, in an environment that does not reach it.
pub(crate) fn mqkit() -> assert_cmd::Command {
    called("mqkit")
}

/// The same, started under another name.
pub(crate) fn called(name: &str) -> assert_cmd::Command {
    use std::os::unix::process::CommandExt;
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_mqkit"));
    command.arg0(name);
    isolate(&mut command);
    let mut command = assert_cmd::Command::from_std(command);
    // Far beyond what any of them needs: a test that hangs fails.
    command.timeout(std::time::Duration::from_secs(60));
    command
}

/// Takes away what would reach the program from the environment of the tests.
pub(crate) fn isolate(command: &mut std::process::Command) {
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MQTT_")) {
        command.env_remove(name);
    }
    command
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .env_remove("CREDENTIALS_DIRECTORY");
    for name in ["all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"] {
        command.env_remove(name);
    }
}
