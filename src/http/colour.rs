//! Colours as an operator writes them, and the contrast between two of them (WCAG 2.2, 1.4.3 and 1.4.11).
//!
//! Refuses everything but `#rrggbb`: what is taken here is written into a stylesheet.

use std::fmt;

/// An opaque sRGB colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour([u8; 3]);

impl Colour {
    /// Reads `#rrggbb`.
    ///
    /// # Errors
    /// Anything else, told with what was given.
    pub fn parse(text: &str) -> Result<Self, NotAColour> {
        let refused = || NotAColour(text.chars().take(40).collect());
        let digits = text.strip_prefix('#').filter(|d| d.len() == 6 && d.bytes().all(|b| b.is_ascii_hexdigit()));
        let value = u32::from_str_radix(digits.ok_or_else(refused)?, 16).map_err(|_| refused())?;
        let [_, r, g, b] = value.to_be_bytes();
        Ok(Self([r, g, b]))
    }

    /// The contrast ratio of two colours, 1 to 21, whichever stands in front.
    #[must_use]
    pub fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// Relative luminance.
    fn luminance(self) -> f64 {
        let [r, g, b] = self.0.map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [r, g, b] = self.0;
        write!(f, "#{r:02x}{g:02x}{b:02x}")
    }
}

/// Text that is no `#rrggbb`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a colour; write six hexadecimal digits, like `#8f1d2c`")]
pub struct NotAColour(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_six_digits_are_a_colour() {
        assert_eq!(Colour::parse("#8F1d2c").map(|c| c.to_string()), Ok("#8f1d2c".to_owned()));
        for bad in ["", "#fff", "8f1d2c", "#8f1d2g", "#8f1d2c;", "#+f1d2c", "red", "#８f1d2"] {
            assert!(Colour::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn contrast_runs_from_one_to_twenty_one() {
        let (black, white) = (Colour::parse("#000000").unwrap(), Colour::parse("#ffffff").unwrap());
        assert!((black.contrast(white) - 21.0).abs() < 1e-9);
        assert!((white.contrast(white) - 1.0).abs() < 1e-9);
        let grey = Colour::parse("#767676").unwrap();
        assert!((grey.contrast(white) - 4.54).abs() < 0.01);
    }
}
