//! A report of bench in the forms that people and programs read. It must not know how it came about.

pub mod csv;
pub mod hdr;
pub mod html;
pub mod json;
pub mod junit;
pub mod text;
