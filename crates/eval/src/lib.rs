//! Metrics, protocols, significance and the report; knows rankings, not models.
