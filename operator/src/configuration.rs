//! How the operator is told what no object says: by flags, or by the environment variables of the same meaning.

use std::net::SocketAddr;

use clap::Parser;

/// Watches TrainingRuns and ScoringRuns and makes Jobs of them.
#[derive(Clone, Debug, Parser)]
#[command(name = "reprise-operator", version)]
pub struct Configuration {
    /// The image of workers.
    #[arg(long, env = "REPRISE_WORKER_IMAGE")]
    pub worker_image: String,

    /// The ServiceAccount of workers of runs that name none; it too must be labelled reprise.dev/worker=true.
    #[arg(long, env = "REPRISE_WORKER_ACCOUNT", default_value = "reprise-worker")]
    pub worker_account: String,

    /// Only this namespace is looked at; all, if not given.
    #[arg(long, env = "REPRISE_WATCH_NAMESPACE")]
    pub watch_namespace: Option<String>,

    /// Address and port of /healthz, /readyz and /metrics.
    #[arg(long, env = "REPRISE_LISTEN", default_value = "0.0.0.0:8080")]
    pub listen: SocketAddr,

    /// Runs that are looked at at once; 1 to 256.
    #[arg(long, env = "REPRISE_CONCURRENCY", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub concurrency: u16,

    /// Seconds that one request to the API server may take; 1 to 60.
    #[arg(long, env = "REPRISE_REQUEST_SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub request_seconds: u64,

    /// Work only while holding the Lease. Two operators are safe without it; it saves their work.
    #[arg(long, env = "REPRISE_LEADER_ELECTION", default_value_t = false)]
    pub leader_election: bool,

    /// The namespace of the Lease.
    #[arg(long, env = "POD_NAMESPACE", default_value = "reprise-system")]
    pub lease_namespace: String,

    /// The name by which this operator holds the Lease; unique among operators.
    #[arg(long, env = "POD_NAME", default_value = "reprise-operator")]
    pub identity: String,

    /// A stand-in for Google Cloud Storage, for this operator and its workers; for tests.
    #[arg(long, env = "REPRISE_GCS_ENDPOINT")]
    pub gcs_endpoint: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn flags_are_well_formed_and_every_one_has_a_variable() {
        Configuration::command().debug_assert();
        let nameless: Vec<_> = Configuration::command()
            .get_arguments()
            .filter(|argument| argument.get_env().is_none())
            .map(|argument| argument.get_id().to_string())
            .collect();
        assert!(nameless.iter().all(|id| id == "help" || id == "version"), "{nameless:?}");
    }
}
