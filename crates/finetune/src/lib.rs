//! Fine-tuning of pretrained encoders on what people do.

mod adalora;
mod error;
mod loss;
mod method;
mod network;
mod sequence;

pub use error::FinetuneError;
pub use method::{AdaLora, Lora, Method, Target};
pub use network::{Gradients, Manner, Network, Noise, Pass, Rows, Want};
pub use sequence::Sequence;
