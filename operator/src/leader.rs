//! The Lease: it saves the work of a second operator and guards nothing. Whoever thinks that it leads and does not can
//! do no harm, because every transition is a write with the version that was read.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client};

/// Name of the Lease.
pub const LEASE: &str = "reprise-operator";
/// After so long without a renewal, seen by one's own clock, a Lease may be taken.
pub const DURATION: Duration = Duration::from_secs(15);
/// How often it is renewed or looked at.
pub const RENEWAL: Duration = Duration::from_secs(5);

/// One candidate.
#[derive(Debug)]
pub struct Candidate {
    api: Api<Lease>,
    identity: String,
    seen: Option<(String, Instant)>,
}

impl Candidate {
    /// A candidate for the Lease of a namespace.
    pub fn new(client: Client, namespace: &str, identity: &str) -> Self {
        Self { api: Api::namespaced(client, namespace), identity: identity.to_owned(), seen: None }
    }

    /// Takes or renews the Lease; whether it is held now. `tick` is a clock that never goes back, `now` is for people.
    ///
    /// Another's Lease is taken when its version has not changed for [`DURATION`] of the own clock: the clocks of two
    /// machines are never compared.
    ///
    /// # Errors
    /// When the API server did not answer; then it is not held.
    pub async fn hold(&mut self, tick: Instant, now: Timestamp) -> kube::Result<bool> {
        let Some(lease) = self.api.get_opt(LEASE).await? else {
            let fresh =
                Lease { metadata: ObjectMeta { name: Some(LEASE.to_owned()), ..ObjectMeta::default() }, spec: Some(self.spec(None, now)) };
            return held(self.api.create(&PostParams::default(), &fresh).await);
        };
        let spec = lease.spec.clone().unwrap_or_default();
        let version = lease.metadata.resource_version.clone().unwrap_or_default();
        let own = spec.holder_identity.as_deref() == Some(self.identity.as_str());
        let free = spec.holder_identity.as_deref().is_none_or(str::is_empty);
        let unchanged = match &self.seen {
            Some((seen, since)) if *seen == version => tick.duration_since(*since),
            _ => {
                self.seen = Some((version, tick));
                Duration::ZERO
            }
        };
        if !own && !free && unchanged < DURATION {
            return Ok(false);
        }
        // With the version that was read: of several candidates one is answered well.
        let next = Lease { spec: Some(self.spec(Some(&spec), now)), ..lease };
        held(self.api.replace(LEASE, &PostParams::default(), &next).await)
    }

    /// Gives the Lease back, so that another need not wait for it to grow old.
    pub async fn release(&self) -> kube::Result<()> {
        let Some(mut lease) = self.api.get_opt(LEASE).await? else { return Ok(()) };
        let Some(spec) = lease.spec.as_mut().filter(|spec| spec.holder_identity.as_deref() == Some(self.identity.as_str())) else {
            return Ok(());
        };
        spec.holder_identity = Some(String::new());
        held(self.api.replace(LEASE, &PostParams::default(), &lease).await).map(drop)
    }

    fn spec(&self, before: Option<&LeaseSpec>, now: Timestamp) -> LeaseSpec {
        let kept = before.filter(|before| before.holder_identity.as_deref() == Some(self.identity.as_str()));
        let transitions = before.and_then(|before| before.lease_transitions).unwrap_or(0);
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: Some(DURATION.as_secs() as i32),
            acquire_time: kept.and_then(|kept| kept.acquire_time.clone()).or(Some(MicroTime(now))),
            renew_time: Some(MicroTime(now)),
            lease_transitions: Some(if kept.is_some() || before.is_none() { transitions } else { transitions + 1 }),
            ..LeaseSpec::default()
        }
    }
}

fn held(answer: kube::Result<Lease>) -> kube::Result<bool> {
    match answer {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.is_conflict() || status.is_already_exists() => Ok(false),
        Err(error) => Err(error),
    }
}
