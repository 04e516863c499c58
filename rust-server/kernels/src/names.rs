//! The nearest names to one that does not exist.

/// Names that are farther than this share of their length are no suggestion.
const LEAST_SIMILARITY: f64 = 0.6;
/// The most suggestions.
const MOST: usize = 3;
/// A name that is longer is not looked at: comparing takes time in the product of the lengths.
const LONGEST: usize = 128;

/// Returns the names that are most like `name`, the nearest first.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    if name.len() > LONGEST {
        return vec![];
    }
    let name = name.to_lowercase();
    let similarity = |known: &'a str| (strsim::normalized_damerau_levenshtein(&name, known), known);
    let mut found: Vec<_> = known
        .into_iter()
        .map(similarity)
        .filter(|(similarity, _)| *similarity >= LEAST_SIMILARITY)
        .collect();
    found.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    found.into_iter().take(MOST).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let known = ["alpha", "ema", "sum_squares"];
        assert_eq!(nearest("sum_squared", known), ["sum_squares"]);
        assert_eq!(nearest("emma", known), ["ema"]);
        assert_eq!(nearest("ALPHA", known), ["alpha"]);
        assert!(nearest("window", known).is_empty());
        assert!(nearest(&"a".repeat(1_000_000), known).is_empty());
    }
}
