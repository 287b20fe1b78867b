//! Fine-tuning of pretrained encoders on what people do.

mod adalora;
mod error;
mod loss;
mod method;
mod network;
mod objective;
mod sample;
mod sequence;

pub use error::FinetuneError;
pub use method::{AdaLora, Lora, Method, Target};
pub use network::{Gradients, Manner, Network, Noise, Pass, Rows, Want};
pub use objective::{
    Ahead, Bin, CandidateSet, ClassFigures, Classification, Elsa, Material, Mlm, Objective,
    PriorWeight, RECENCY, Reranker, Settings, SimCse, SingleTower, SourceName, Surroundings,
    Telling, Temperature, Tsdae, Tuned, TwoTower, UserTower, classification, finetune,
    write_beside,
};
pub use sample::{CouplesConfig, Hardness, HistoriesConfig, Labels, QuestionsConfig};
pub use sequence::Sequence;
