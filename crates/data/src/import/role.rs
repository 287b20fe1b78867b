//! What a column of a source file is for.

/// The use of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnRole {
    /// The id of a user.
    User,
    /// The id of an item.
    Item,
    /// Rating, weight or quantity of an event.
    Value,
    /// When it happened; when the item appeared.
    Time,
    /// Place in the user's sequence of events.
    Position,
    /// Kind of event.
    Event,
    /// Part of a given split.
    Split,
    /// Text for the encoder.
    Text,
    /// Labels.
    Category,
    /// A number.
    Number,
    /// Path or address of a picture.
    Image,
    /// Not read.
    Ignore,
}

impl ColumnRole {
    const ALL: [Self; 12] = [
        Self::User,
        Self::Item,
        Self::Value,
        Self::Time,
        Self::Position,
        Self::Event,
        Self::Split,
        Self::Text,
        Self::Category,
        Self::Number,
        Self::Image,
        Self::Ignore,
    ];

    /// The word for it in roles and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Item => "item",
            Self::Value => "value",
            Self::Time => "time",
            Self::Position => "position",
            Self::Event => "event",
            Self::Split => "split",
            Self::Text => "text",
            Self::Category => "category",
            Self::Number => "number",
            Self::Image => "image",
            Self::Ignore => "ignore",
        }
    }

    /// The role of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.name() == name)
    }
}
