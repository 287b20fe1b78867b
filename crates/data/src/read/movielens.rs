//! The MovieLens files that are no CSV: `ratings.dat movies.dat users.dat` of 1M and 10M, cut at
//! `::`, and `u.data u.item u.user` of 100K, cut at tabs and `|`; Latin-1 where not UTF-8.
//! `tags.dat` is left out, as tags are no catalogue and no interactions.

use super::separated::{Separated, Shape};
use super::{Input, Limits};

/// Which of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MovielensFile {
    /// `ratings.dat`
    Ratings,
    /// `movies.dat`
    Movies,
    /// `users.dat`
    Users,
    /// `u.data`
    UData,
    /// `u.item`
    UItem,
    /// `u.user`
    UUser,
}

/// The 19 flags of `u.item`, in the order of `u.genre`.
const GENRES: [&str; 19] = [
    "unknown",
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
];

pub(super) fn open(input: Input, file: MovielensFile, limits: Limits) -> Separated {
    use MovielensFile::{Movies, Ratings, UData, UItem, UUser, Users};
    let (separator, columns): (_, &[&str]) = match file {
        Ratings => ("::", &["user_id", "item_id", "rating", "timestamp"]),
        Movies => ("::", &["item_id", "title", "genres"]),
        Users => (
            "::",
            &["user_id", "gender", "age", "occupation", "zip_code"],
        ),
        UData => ("\t", &["user_id", "item_id", "rating", "timestamp"]),
        UItem => (
            "|",
            &[
                "item_id",
                "title",
                "release_date",
                "video_release_date",
                "imdb_url",
                "genres",
            ],
        ),
        UUser => ("|", &["user_id", "age", "gender", "occupation", "zip_code"]),
    };
    let flags = (file == UItem).then_some((5, &GENRES[..]));
    let shape = Shape {
        separator,
        columns: columns.iter().map(|c| (*c).to_owned()).collect(),
        lists: Vec::new(),
        latin1: true,
        flags,
    };
    Separated::headless(input, shape, limits)
}
