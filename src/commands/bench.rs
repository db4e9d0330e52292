//! x
#![allow(dead_code)]
mod environment;
mod files;
mod load;
mod progress;
mod shape;
mod values;
pub(super) const EMBEDDED: &str = "--embedded";
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    load: load::LoadFlags,
    #[command(flatten)]
    run: load::RunFlags,
}
pub fn run(args: Args) -> anyhow::Result<crate::exit::Outcome> {
    let _ = args;
    panic!()
}
