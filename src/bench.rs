//! Load on a broker, and what was measured: a plan ([`Load`]) goes in, a [`Report`] comes out. It must not know the
//! command line, or how a report is shown.

pub mod baseline;
pub mod count;
mod error;
pub mod failure;
pub mod figure;
pub mod guarantee;
pub mod histogram;
mod identity;
mod ledger;
mod load;
mod payload;
mod probe;
mod progress;
pub mod quantity;
pub mod record;
mod remarks;
pub mod report;
mod run;
mod schedule;
mod series;
mod setup;
mod signal;
pub mod stamp;
pub mod threshold;
mod timer;
mod topics;
mod verdict;
mod watch;
mod worker;

pub use count::{Count, Counts};
pub use error::Error;
pub use failure::Failure;
pub use guarantee::{Breach, Guarantee};
pub use load::{Across, Arrival, Given, Load, LoadOption, Payload, Scenario, Size};
pub use progress::{Phase, Progress};
pub use record::{Measure, Record};
pub use report::Report;
pub use run::{Measured, run};
pub use setup::Setup;
pub use stamp::STAMP;
pub use threshold::Threshold;
pub use verdict::{Comparison, Judged, Outcome, Verdict};
