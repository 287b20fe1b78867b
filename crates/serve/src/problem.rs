//! Errors as `application/problem+json` (RFC 9457), which name the field that is wrong.

use crate::ServeError;
use crate::batcher::Busy;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use semrec_engine::EngineError;
use semrec_store::StoreError;
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// Why a request is not answered.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The status in words.
    pub(crate) title: String,
    /// What was got, what was expected, and what to do.
    pub(crate) detail: String,
    /// The field that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) field: Option<String>,
    /// Seconds after which it may be tried again, where that is known.
    #[serde(skip)]
    pub(crate) retry: Option<u64>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status: status.as_u16(),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            detail: detail.into(),
            field: None,
            retry: None,
        }
    }

    pub(crate) fn bad(field: &str, detail: impl Into<String>) -> Self {
        Self {
            field: Some(field.to_owned()),
            ..Self::new(StatusCode::BAD_REQUEST, detail)
        }
    }

    /// More requests than the rate allows.
    pub(crate) fn too_fast(wait: Duration) -> Self {
        let seconds = wait.as_millis().div_ceil(1000);
        let retry = u64::try_from(seconds).unwrap_or(u64::MAX).max(1);
        let detail = format!("more requests than the rate allows; try again in {retry} s");
        Self {
            retry: Some(retry),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, detail)
        }
    }

    pub(crate) fn no_item(id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("there is no item '{id}'"))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let json = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, json).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        if [
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::SERVICE_UNAVAILABLE,
        ]
        .contains(&status)
        {
            headers.insert(header::RETRY_AFTER, self.retry.unwrap_or(1).into());
        }
        response
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        let mine = matches!(error, EngineError::Request(_) | EngineError::Data(_));
        let status = if mine {
            StatusCode::BAD_REQUEST
        } else {
            StatusCode::INTERNAL_SERVER_ERROR
        };
        Self::new(status, error.to_string())
    }
}

impl From<&StoreError> for Problem {
    fn from(error: &StoreError) -> Self {
        let status = if matches!(error, StoreError::Full) {
            StatusCode::INSUFFICIENT_STORAGE
        } else if matches!(error, StoreError::Away(_) | StoreError::Unsure(_)) {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            StatusCode::INTERNAL_SERVER_ERROR
        };
        Self::new(status, error.to_string())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::from(&error)
    }
}

impl From<ServeError> for Problem {
    fn from(error: ServeError) -> Self {
        Self::from(&error)
    }
}

impl From<&ServeError> for Problem {
    fn from(error: &ServeError) -> Self {
        if let ServeError::Store(error) = error {
            return Self::from(error);
        }
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

impl From<Busy> for Problem {
    fn from(_: Busy) -> Self {
        let detail = "as many requests wait as may; try again in a second";
        Self::new(StatusCode::TOO_MANY_REQUESTS, detail)
    }
}
