//! The known name that somebody may have meant. It must not know what the names are for.

/// The closest of the known names, when one is close.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|other| (distance(name, other), other))
        .min()
        .filter(|(distance, other)| *distance <= 1 + other.len() / 3)
        .map(|(_, other)| other)
}

/// How many characters have to be put in, taken out or changed (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, a) in from.chars().enumerate() {
        let mut left = index + 1;
        let mut next = vec![left];
        for (b, pair) in to.iter().zip(row.windows(2)) {
            let changed = pair.first().copied().unwrap_or_default() + usize::from(a != *b);
            let removed = pair.last().copied().unwrap_or_default() + 1;
            left = changed.min(removed).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
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

    #[test]
    fn distances_count_changes() {
        for (from, to, expected) in [("host", "host", 0), ("hots", "host", 2), ("", "ab", 2), ("abc", "b", 2)] {
            assert_eq!(distance(from, to), expected, "{from} {to}");
        }
    }
}
