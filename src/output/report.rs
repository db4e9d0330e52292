//! What a run of bench has shown, in the forms that people and programs read. It must not know how it was measured.

pub mod html;
