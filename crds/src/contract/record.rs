//! What a request leaves in the bucket: its record and its claim.

use serde::{Deserialize, Serialize};

use crate::run::ArtifactRef;
use crate::value::Digest;

/// What a request was first answered with: offered create-only by every worker, so that all of them, now and after
/// any restart, go on from the same inputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The request that it belongs to.
    pub request_digest: Digest,
    /// The files, sorted by name.
    pub inputs: Vec<InputObject>,
    /// The models, pinned.
    #[serde(default, skip_serializing_if = "PinnedModels::is_empty")]
    pub models: PinnedModels,
    /// Recipe of the build that wrote it.
    pub recipe: u32,
    /// Data recipe of the build that wrote it.
    pub data_recipe: u32,
    /// The class of machines whose results are the same bytes.
    pub kernel_class: String,
    /// The image or version that wrote it; later attempts use it.
    pub image: String,
    /// Names the prepared data.
    pub data_digest: Digest,
    /// Names the result.
    pub identity: Digest,
}

/// A source file as it was listed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InputObject {
    /// Its name below the DataSource's location.
    pub name: String,
    /// Its generation: the store's version number of these bytes under this name.
    pub generation: i64,
    /// Bytes.
    pub length: u64,
    /// CRC-32C of the bytes.
    pub crc32c: u32,
}

/// The models of a run, pinned by digest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PinnedModels {
    /// The model whose weights training starts from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_from: Option<ArtifactRef>,
    /// The purchase-intent model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<ArtifactRef>,
    /// The product recommender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recommender: Option<ArtifactRef>,
}

impl PinnedModels {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Who works on a request. It saves money and guards nothing: bytes are guarded by create-only puts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// The plan's `clusterUid`.
    pub cluster_uid: String,
    /// The plan's `runUid`.
    pub run_uid: String,
}

/// Names below `<artifacts>/<geography>/`.
pub mod paths {
    use crate::value::Digest;

    /// The record of a request.
    pub fn record(request: &Digest) -> String {
        format!("requests/{request}/record.json")
    }

    /// The claim of a request.
    pub fn claim(request: &Digest) -> String {
        format!("requests/{request}/claim.json")
    }

    /// The folder of prepared data, ending in `/`.
    pub fn data(data: &Digest) -> String {
        format!("data/{data}/")
    }

    /// The folder of a result, ending in `/`; `folder` is [`Task::folder`](crate::contract::Task::folder).
    pub fn result(folder: &str, identity: &Digest) -> String {
        format!("{folder}/{identity}/")
    }
}
