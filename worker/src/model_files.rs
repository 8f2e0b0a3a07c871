//! Models that a run reads: fetched by digest, verified, loaded.

use reprise_artifacts::manifest::{self, Published};
use reprise_artifacts::{Digest, Uri};
use reprise_crds::contract::{ExitCode, PinnedModels};
use reprise_crds::run::ArtifactRef;
use reprise_models::artifact::Files;
use reprise_models::encoder::Encoder;
use reprise_models::intent::IntentModel;
use reprise_models::recommender::RecommenderModel;

use crate::failure::{Failure, Result};
use crate::session::{self, Session};

/// Largest file of a model.
const LARGEST: u64 = 8 << 30;
/// What a manifest lists beside the model, for people.
const DOCUMENTS: [&str; 3] = [crate::documents::METRICS, crate::documents::REPORT, crate::documents::CARD];

/// A model with the digest of its manifest.
#[derive(Debug)]
pub struct Loaded<M> {
    /// The model.
    pub model: M,
    /// SHA-256 of its manifest.
    pub digest: String,
}

/// The models of a scoring; at least one.
#[derive(Debug)]
pub struct Models {
    /// When customers come back.
    pub intent: Option<Loaded<IntentModel>>,
    /// What to show them.
    pub recommender: Option<Loaded<RecommenderModel>>,
    encoder: Option<Encoder>,
}

impl Models {
    /// Fetches and loads the recorded models.
    ///
    /// # Errors
    /// 78 if there is no such artifact, 65 if it is not what its digest says or not a model of its kind.
    pub fn load(session: &Session, pinned: &PinnedModels) -> Result<Self> {
        let (intent, recommender) =
            (files(session, "intent", pinned.intent.as_ref())?, files(session, "recommender", pinned.recommender.as_ref())?);
        // For rules that need no model: first baskets. Either model's encoder knows them.
        let encoder = intent.as_ref().or(recommender.as_ref()).map(|loaded| Encoder::load(&loaded.model)).transpose()?;
        let load = |loaded: Loaded<Files>| -> Result<_> { Ok(Loaded { model: IntentModel::load(&loaded.model)?, digest: loaded.digest }) };
        let intent = intent.map(load).transpose()?;
        let load =
            |loaded: Loaded<Files>| -> Result<_> { Ok(Loaded { model: RecommenderModel::load(&loaded.model)?, digest: loaded.digest }) };
        Ok(Self { intent, recommender: recommender.map(load).transpose()?, encoder })
    }

    /// The encoder of either model.
    pub fn encoder(&self) -> Option<&Encoder> {
        self.encoder.as_ref()
    }
}

/// The files of the model that training starts from.
///
/// # Errors
/// As [`Models::load`].
pub fn start_from(session: &Session, pinned: &PinnedModels) -> Result<Option<Files>> {
    Ok(files(session, "startFrom", pinned.start_from.as_ref())?.map(|loaded| loaded.model))
}

fn files(session: &Session, field: &str, artifact: Option<&ArtifactRef>) -> Result<Option<Loaded<Files>>> {
    let Some(artifact) = artifact else { return Ok(None) };
    let fetched = fetch(session, artifact).map_err(|failure| failure.field(field))?;
    Ok(Some(Loaded { model: fetched, digest: artifact.digest.to_string() }))
}

fn fetch(session: &Session, artifact: &ArtifactRef) -> Result<Files> {
    let digest: Digest = session::digest(&artifact.digest)?;
    let refused = |error| Failure::from(error);
    let uri: Uri = artifact.uri.as_str().parse().map_err(refused)?;
    let location = session.wait(reprise_artifacts::open(&uri, &session.settings.stores))?;
    let published: Published = session.wait(manifest::read_pinned(&location, digest)).map_err(|error| match error {
        reprise_artifacts::Error::NotFound { object } => {
            Failure::new(ExitCode::Configuration, "NoSuchArtifact", format!("{object} does not exist"))
                .hint("train it first, or correct uri and digest")
        }
        other => other.into(),
    })?;
    let mut files = Files::new();
    for entry in published.manifest.files.iter().filter(|entry| !DOCUMENTS.contains(&entry.name.as_str())) {
        session.check_stop()?;
        files.insert(entry.name.clone(), session.wait(published.fetch(&entry.name, LARGEST))?.to_vec());
    }
    Ok(files)
}
