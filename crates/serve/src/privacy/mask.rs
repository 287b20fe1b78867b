//! E-mail addresses, telephone numbers and card numbers in texts, replaced by what they are.
//!
//! - `[email]`: `name@host.domain`.
//! - `[card]`: 13 to 19 digits, single blanks or hyphens between them, whose last one is right by
//!   Luhn's sum. (One in ten other numbers of that length is right by chance.)
//! - `[phone]`: `+` or `00` and 8 to 15 digits; 9 to 12 digits that begin with 0 and are parted by
//!   blanks, hyphens, points, strokes or brackets; and `555-010-4477` or `(555) 010-4477`.
//!
//! Numbers of products and years stay, and so does a telephone number that reads like one of them
//! (local, without any parting). Names and addresses are not looked for.

use regex::{Captures, Regex};
use std::borrow::Cow;
use std::sync::LazyLock;

/// Each kind is a group. What may be one is long enough and stands alone; the numbers are counted
/// afterwards.
static SUSPECTS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let email = r"(?P<email>[[:alnum:]._%+\-]+@(?:[[:alnum:]\-]+\.)+[[:alpha:]]{2,})";
    let card = r"(?P<card>\b[0-9](?:[ \-]?[0-9]){12,18}\b)";
    let abroad = r"(?P<abroad>(?:\+|\b00)[0-9](?:[ \-./()]{0,2}[0-9]){7,14}\b)";
    let home = r"(?P<home>(?:\(0|\b0)[0-9](?:[ \-./()]{0,2}[0-9]){7,10}\b)";
    let america = r"(?P<america>(?:\([0-9]{3}\) ?|\b[0-9]{3}[\-. ])[0-9]{3}[\-.][0-9]{4}\b)";
    let any = [email, card, abroad, home, america].join("|");
    Regex::new(&format!("(?-u){any}")).ok()
});

/// The text, with what identifies people masked.
#[must_use]
pub fn masked(text: &str) -> Cow<'_, str> {
    match &*SUSPECTS {
        Some(suspects) => suspects.replace_all(text, |found: &Captures<'_>| mask(found)),
        None => Cow::Borrowed(text),
    }
}

fn mask(found: &Captures<'_>) -> String {
    let whole = &found[0];
    let is = |kind| found.name(kind).is_some();
    let zero = is("home") || whole.starts_with('0');
    let parted = whole.bytes().any(|b| !b.is_ascii_digit());
    if is("email") {
        "[email]".to_owned()
    } else if is("card") && luhn(whole) {
        "[card]".to_owned()
    } else if is("abroad") || is("america") || whole.starts_with("00") || (zero && parted) {
        "[phone]".to_owned()
    } else {
        whole.to_owned()
    }
}

/// Whether the last digit is right: of the digits from the right, every second one is doubled and
/// its digits are added; the sum of all is a multiple of ten.
fn luhn(number: &str) -> bool {
    let digits = number.bytes().rev().filter(u8::is_ascii_digit);
    let sum: u32 = digits
        .enumerate()
        .map(
            |(place, digit)| match (u32::from(digit - b'0'), place % 2) {
                (digit, 0) => digit,
                (digit, _) => digit * 2 / 10 + digit * 2 % 10,
            },
        )
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_identifies_people_is_masked() {
        for (text, expected) in [
            (
                "write to Ann.Lee+shop@mail.example.org, please",
                "write to [email], please",
            ),
            (
                "card 4111 1111 1111 1111 exp 10/27",
                "card [card] exp 10/27",
            ),
            ("4111-1111-1111-1111.", "[card]."),
            ("378282246310005", "[card]"),
            (
                "call +49 (0)30 901820 or 0049 30 901820",
                "call [phone] or [phone]",
            ),
            ("030/901820-12 in the evening", "[phone] in the evening"),
            ("(555) 010-4477 or 555-010-4477", "[phone] or [phone]"),
            ("Müller: 0151 234 567 89", "Müller: [phone]"),
        ] {
            assert_eq!(masked(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_on_products_stays() {
        for text in [
            "",
            "ISBN 978-0-306-40615-7, 1999-2004",
            "EAN 4006381333931, part 0131234567",
            "4111 1111 1111 1112 is no card",
            "5 - 10 pieces of 1000 x 2000 x 3000 mm, @home, a@b",
            "released 2024-01-15 12:30:00",
        ] {
            assert_eq!(masked(text), text);
        }
    }
}
