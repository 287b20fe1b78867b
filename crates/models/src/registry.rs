//! The models by name: fit one, load one, list what its parameters are.
//!
//! A model joins by implementing [`Model`] and adding a line to `MODELS`.

use crate::{
    AlphaRec, Als, Content, Ease, FeatureAls, GfCf, Hybrid, ItemKnn, L3ae, LightGcn, ModelError,
    Popularity, Random, RecentPopularity, Recommender, Rp3Beta, Sasrec, Slim, Tensors, Training,
};
use semrec_tune::Space;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What a recommender has besides its scores: a name, a configuration, a way to be made.
pub trait Model: Recommender + Sized + 'static {
    /// The name `--model` takes.
    const NAME: &'static str;
    /// Whether it cannot be fitted without [`Training::item_vectors`] or [`Training::item_facts`].
    const NEEDS_TEXT: bool = false;
    /// Whether it learns from events, and knows nothing where there are none.
    const NEEDS_EVENTS: bool = true;
    /// Its parameters; the default ones are tuned.
    type Config: Serialize + DeserializeOwned + Default;

    /// What `semrec tune` searches unless told otherwise: the parameters that matter, each over
    /// what has been best on some data and well beyond. Nothing, for a model without parameters.
    #[must_use]
    fn space() -> Space {
        Space::default()
    }

    /// Learns from the events.
    ///
    /// # Errors
    /// [`ModelError`] if a parameter is out of range, or the data do not suffice.
    fn fit(training: &Training<'_>, config: &Self::Config) -> Result<Self, ModelError>;

    /// Reads what [`Recommender::save`] wrote.
    ///
    /// # Errors
    /// [`ModelError`] if something is missing or does not fit together.
    fn load(tensors: &Tensors) -> Result<Self, ModelError>;
}

type Fitted = Result<Box<dyn Recommender>, ModelError>;

struct Entry {
    name: &'static str,
    needs_text: bool,
    needs_events: bool,
    params: fn(&toml::Table) -> Result<toml::Table, ModelError>,
    space: fn() -> Space,
    fit: fn(&toml::Table, &Training<'_>) -> Fitted,
    load: fn(&Tensors) -> Fitted,
}

const MODELS: &[Entry] = &[
    entry::<Random>(),
    entry::<Popularity>(),
    entry::<RecentPopularity>(),
    entry::<ItemKnn>(),
    entry::<Content>(),
    entry::<Hybrid>(),
    entry::<Ease>(),
    entry::<Als>(),
    entry::<Rp3Beta>(),
    entry::<Slim>(),
    entry::<GfCf>(),
    entry::<LightGcn>(),
    entry::<AlphaRec>(),
    entry::<Sasrec>(),
    entry::<L3ae>(),
    entry::<FeatureAls>(),
];

const fn entry<M: Model>() -> Entry {
    Entry {
        name: M::NAME,
        needs_text: M::NEEDS_TEXT,
        needs_events: M::NEEDS_EVENTS,
        params: |params| to_table::<M>(&config::<M>(params)?),
        space: M::space,
        fit: |params, training| {
            let config = config::<M>(params)?;
            if M::NEEDS_TEXT && !training.can_be_read() {
                return Err(ModelError::Training {
                    model: M::NAME,
                    problem:
                        "it reads the items' texts, and the data have none (or were not embedded)"
                            .to_owned(),
                });
            }
            Ok(Box::new(M::fit(training, &config)?))
        },
        load: |tensors| Ok(Box::new(M::load(tensors)?)),
    }
}

/// Names of all models.
#[must_use]
pub fn names() -> Vec<&'static str> {
    MODELS.iter().map(|m| m.name).collect()
}

/// Whether the model cannot be fitted without the items' texts, or facts in their place.
///
/// # Errors
/// [`ModelError::UnknownModel`].
pub fn needs_text(name: &str) -> Result<bool, ModelError> {
    find(name).map(|m| m.needs_text)
}

/// Whether the model learns from events, and knows nothing where there are none.
///
/// # Errors
/// [`ModelError::UnknownModel`].
pub fn needs_events(name: &str) -> Result<bool, ModelError> {
    find(name).map(|m| m.needs_events)
}

/// The parameters a model would be fitted with: `params`, and the defaults for the rest.
///
/// # Errors
/// [`ModelError::UnknownModel`]; [`ModelError::Parameter`] for a key the model does not have, or
/// a value of the wrong type.
pub fn params_of(name: &str, params: &toml::Table) -> Result<toml::Table, ModelError> {
    (find(name)?.params)(params)
}

/// The parameters of a model that are worth searching, and over what.
///
/// # Errors
/// [`ModelError::UnknownModel`].
pub fn space_of(name: &str) -> Result<Space, ModelError> {
    find(name).map(|m| (m.space)())
}

/// Fits the model of this name.
///
/// # Errors
/// As [`params_of`]; [`ModelError::Training`] if the data do not suffice.
pub fn fit(
    name: &str,
    params: &toml::Table,
    training: &Training<'_>,
) -> Result<Box<dyn Recommender>, ModelError> {
    (find(name)?.fit)(params, training)
}

/// Makes the model again that [`Recommender::save`] stored.
///
/// # Errors
/// [`ModelError::UnknownModel`] or [`ModelError::Tensor`] if the file is not of a model known
/// here.
pub fn load(tensors: &Tensors) -> Result<Box<dyn Recommender>, ModelError> {
    (find(tensors.model()?)?.load)(tensors)
}

fn find(name: &str) -> Result<&'static Entry, ModelError> {
    MODELS
        .iter()
        .find(|m| m.name == name)
        .ok_or_else(|| ModelError::UnknownModel {
            got: name.to_owned(),
            known: names().join(", "),
        })
}

fn to_table<M: Model>(config: &M::Config) -> Result<toml::Table, ModelError> {
    let mut table = toml::Table::try_from(config).map_err(|e| ModelError::Parameter {
        model: M::NAME,
        problem: format!("cannot be written as TOML: {e}"),
    })?;
    table.iter_mut().for_each(|(_, value)| shortest(value));
    Ok(table)
}

/// Single-precision numbers as people write them: 0.6, not 0.6000000238418579.
fn shortest(value: &mut toml::Value) {
    if let toml::Value::Float(x) = value {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "only numbers that survive it are changed"
        )]
        let single = *x as f32;
        if f64::from(single) == *x {
            *x = single.to_string().parse().unwrap_or(*x);
        }
    }
}

fn config<M: Model>(params: &toml::Table) -> Result<M::Config, ModelError> {
    let defaults = to_table::<M>(&M::Config::default())?;
    if let Some(unknown) = params.keys().find(|key| !defaults.contains_key(*key)) {
        let known: Vec<&str> = defaults.keys().map(String::as_str).collect();
        let known = if known.is_empty() {
            "it has none".to_owned()
        } else {
            format!("expected {}", known.join(", "))
        };
        return Err(ModelError::Parameter {
            model: M::NAME,
            problem: format!("'{unknown}' is not among them; {known}"),
        });
    }
    params
        .clone()
        .try_into()
        .map_err(|e: toml::de::Error| ModelError::Parameter {
            model: M::NAME,
            problem: e.message().to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use semrec_tune::{Range, value_at};

    /// A model with parameters says which to search; they are its own, of the type they have.
    #[test]
    fn each_model_declares_what_is_searched() {
        for model in names() {
            let defaults = params_of(model, &toml::Table::new()).unwrap();
            let space = space_of(model).unwrap();
            assert_eq!(
                space.is_empty(),
                defaults.is_empty(),
                "{model}: declare its parameters in Model::space"
            );
            for parameter in space.parameters() {
                let value = value_at(&defaults, &parameter.name);
                let value = value.unwrap_or_else(|| panic!("{model} has no {}", parameter.name));
                let range = &parameter.range;
                let fits = match range {
                    Range::Real { .. } => value.is_float() || value.as_str() == Some("auto"),
                    Range::Whole { .. } => value.is_integer(),
                    Range::Choice(values) => values.iter().all(|v| v.same_type(value)),
                };
                assert!(
                    fits,
                    "{model}: {} is {value}, and is searched over {range}",
                    parameter.name
                );
                // The defaults lie inside, or stand for a rule.
                let rule = value.as_float() == Some(0.0) || value.is_str();
                assert!(
                    range.place(value).is_some() || rule,
                    "{model}: {value} is outside {range}"
                );
            }
            if let Some(rounds) = space.rounds() {
                assert!(value_at(&defaults, rounds).is_some_and(toml::Value::is_integer));
            }
        }
    }
}
