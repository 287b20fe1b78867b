//! Names that columns go by, most telling first. They are compared without case, blanks, dashes
//! and underscores.

/// A user.
pub(super) const USER: &[&str] = &[
    "userid",
    "user",
    "uid",
    "useridx",
    "customerid",
    "customer",
    "visitorid",
    "visitor",
    "memberid",
    "member",
    "clientid",
    "client",
    "reviewerid",
    "reviewer",
    "accountid",
    "account",
    "personid",
    "person",
    "buyerid",
    "buyer",
    "readerid",
    "applicantid",
    "candidateid",
    "listenerid",
    "profileid",
    "sessionid",
    "session",
];

/// An item.
pub(super) const ITEM: &[&str] = &[
    "itemid",
    "item",
    "iid",
    "itemidx",
    "productid",
    "product",
    "movieid",
    "movie",
    "asin",
    "parentasin",
    "sku",
    "articleid",
    "article",
    "newsid",
    "news",
    "jobid",
    "job",
    "bookid",
    "book",
    "isbn",
    "trackid",
    "track",
    "songid",
    "song",
    "artistid",
    "videoid",
    "video",
    "gameid",
    "game",
    "appid",
    "app",
    "contentid",
    "content",
    "businessid",
    "recipeid",
    "animeid",
    "docid",
    "documentid",
    "listingid",
    "offerid",
    "adid",
    "goodsid",
    "postid",
    "courseid",
];

/// How much.
pub(super) const VALUE: &[&str] = &[
    "rating",
    "ratings",
    "value",
    "score",
    "weight",
    "quantity",
    "qty",
    "stars",
    "overall",
    "count",
    "plays",
    "playcount",
    "strength",
];

/// When.
pub(super) const TIME: &[&str] = &[
    "timestamp",
    "time",
    "ts",
    "datetime",
    "date",
    "eventtime",
    "createdat",
    "created",
    "unixreviewtime",
    "reviewtime",
    "unixtime",
    "createtime",
    "publishedat",
    "published",
    "pubdate",
    "releasedate",
    "releasedat",
    "updatedat",
];

/// Where in the sequence.
pub(super) const POSITION: &[&str] = &[
    "position", "pos", "order", "sequence", "seq", "step", "index", "rank",
];

/// What kind of event.
pub(super) const EVENT: &[&str] = &[
    "event",
    "eventtype",
    "action",
    "actiontype",
    "feedbacktype",
    "behavior",
    "behaviour",
    "behaviortype",
    "interactiontype",
    "type",
    "kind",
];

/// Which part of a given split.
pub(super) const SPLIT: &[&str] = &["split", "part", "fold", "set", "subset"];

/// Prose.
pub(super) const TEXT: &[&str] = &[
    "title",
    "name",
    "itemname",
    "productname",
    "movietitle",
    "headline",
    "description",
    "desc",
    "abstract",
    "summary",
    "body",
    "text",
    "content",
    "plot",
    "overview",
    "synopsis",
    "comment",
    "keywords",
    "tagline",
    "subtitle",
    "lead",
    "snippet",
    "features",
    "bio",
    "about",
    "experience",
    "skills",
    "history",
    "profile",
    "interests",
    "position",
    "jobtitle",
];

/// Labels.
pub(super) const CATEGORY: &[&str] = &[
    "category",
    "categories",
    "subcategory",
    "genre",
    "genres",
    "tag",
    "tags",
    "label",
    "labels",
    "brand",
    "class",
    "topic",
    "topics",
    "department",
    "section",
    "type",
    "author",
    "authors",
    "artist",
    "director",
    "publisher",
    "company",
    "city",
    "state",
    "country",
    "region",
    "language",
    "lang",
    "color",
    "colour",
    "size",
    "material",
    "gender",
    "sex",
    "occupation",
    "zip",
    "zipcode",
    "postcode",
    "store",
    "maincategory",
    "subscribe",
];

/// Labels, several a cell.
pub(super) const SEVERAL: &[&str] = &[
    "categories",
    "genres",
    "tags",
    "labels",
    "topics",
    "authors",
    "category",
    "genre",
    "class",
];

/// A picture.
pub(super) const IMAGE: &[&str] = &[
    "image",
    "images",
    "imageurl",
    "imurl",
    "img",
    "imgurl",
    "imagepath",
    "picture",
    "photo",
    "thumbnail",
    "poster",
    "posterurl",
    "cover",
    "coverurl",
];

/// Nothing an encoder or a filter should see.
pub(super) const IGNORE: &[&str] = &[
    "url",
    "imdburl",
    "link",
    "links",
    "ishidden",
    "titleentities",
    "abstractentities",
    "email",
    "phone",
    "unnamed:0",
    "videoreleasedate",
];

/// The entity a fact is of.
pub(super) const HEAD: &[&str] = &["headid", "head", "headentity", "subject", "source", "from"];

/// What a fact says.
pub(super) const RELATION: &[&str] = &[
    "relationid",
    "relation",
    "predicate",
    "property",
    "relationtype",
];

/// The entity it says it with.
pub(super) const TAIL: &[&str] = &["tailid", "tail", "tailentity", "object", "target", "to"];

/// An entity of facts.
pub(super) const ENTITY: &[&str] = &["entityid", "entity", "freebaseid", "uri", "node", "nodeid"];

/// A name without case, blanks, dashes and underscores.
pub(super) fn normal(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, '_' | '-' | ' ' | '.'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// Whether a column goes by one of these names; of `details.brand` the last part counts too.
pub(super) fn is(name: &str, list: &[&str]) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    list.contains(&normal(name).as_str()) || list.contains(&normal(last).as_str())
}

/// The column with the most telling name of a list.
pub(super) fn first(columns: &[String], list: &[&str]) -> Option<usize> {
    let normal: Vec<String> = columns.iter().map(|c| normal(c)).collect();
    list.iter()
        .find_map(|name| normal.iter().position(|c| c == name))
}
