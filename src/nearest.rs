//! The known name that somebody may have meant. It must not know what the names are for.

/// The closest of the known names, when one is close.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|other| (strsim::levenshtein(name, other), other))
        .min()
        .filter(|(distance, other)| *distance <= 1 + other.len() / 3)
        .map(|(_, other)| other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_names_are_found_and_far_ones_are_not() {
        let near = |name| nearest(name, ["lost", "received", "p99"].into_iter());
        assert_eq!(near("losst"), Some("lost"));
        assert_eq!(near("recieved"), Some("received"));
        assert_eq!(near("p9"), Some("p99"));
        assert_eq!(near("temperature"), None);
        assert_eq!(nearest("a", std::iter::empty()), None);
    }
}
