//! Bodies read as JSON, with errors that name the field.

use crate::problem::Problem;
use crate::service::Service;
use axum::body::Bytes;
use axum::extract::FromRequest;
use axum::extract::Request;
use axum::http::StatusCode;
use serde::de::DeserializeOwned;

/// A body of JSON, whatever its content type says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Service> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, service: &Service) -> Result<Self, Problem> {
        let bytes = bytes(request, service).await?;
        read(&bytes).map(Json)
    }
}

/// The whole body, if it is there in time.
pub(crate) async fn bytes(request: Request, service: &Service) -> Result<Bytes, Problem> {
    let limit = service.config().net.body;
    let whole = tokio::time::timeout(limit, Bytes::from_request(request, service)).await;
    let whole = whole.map_err(|_| {
        let seconds = limit.as_secs_f64();
        let detail = format!("the body was not there after {seconds} seconds; send it in parts");
        Problem::new(StatusCode::REQUEST_TIMEOUT, detail)
    })?;
    whole.map_err(|rejection| {
        let status = rejection.status();
        let detail = match status {
            StatusCode::PAYLOAD_TOO_LARGE => {
                "the body is larger than may be; send it in parts".to_owned()
            }
            _ => rejection.body_text(),
        };
        Problem::new(status, detail)
    })
}

/// JSON, or what is wrong with it and where.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        // The reader of an untagged choice knows no path.
        match path.as_str() {
            "." | "?" => Problem::new(StatusCode::BAD_REQUEST, format!("the body: {inner}")),
            field => Problem::bad(field, format!("{field}: {inner}")),
        }
    })?;
    json.end()
        .map_err(|e| Problem::new(StatusCode::BAD_REQUEST, format!("the body: {e}")))?;
    Ok(value)
}
