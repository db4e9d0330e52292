//! Load on a broker, and what was measured: a plan ([`Load`]) goes in, a [`Report`] comes out. It must not know the
//! command line, or how a report is shown.

pub mod baseline;
pub mod figure;
pub mod histogram;
mod identity;
mod ledger;
mod load;
mod options;
mod payload;
mod probe;
pub mod quantity;
pub mod record;
pub mod report;
mod run;
mod schedule;
mod series;
mod signal;
pub mod stamp;
pub mod threshold;
mod timer;
mod topics;
pub mod verdict;
mod watch;
mod worker;

pub use load::{Arrival, Given, Load, Payload, Scenario, Size};
pub use record::{Counts, Measure, Record};
pub use report::Report;
pub use run::{Error, Measured, Phase, Progress, STAMP, Setup, run};
pub use threshold::{Outcome, Threshold, Verdict};
