//! The operator's program: the rim around the reconciler. Reads flags, connects, watches, and ends on SIGTERM.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser as _;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, Config};
use reprise_artifacts::{Options, Patience};
use reprise_crds::scoring::ScoringRun;
use reprise_crds::training::TrainingRun;
use reprise_operator::bucket::Buckets;
use reprise_operator::configuration::Configuration;
use reprise_operator::context::{Context, Waiting};
use reprise_operator::controllers::{Scope, control};
use reprise_operator::job::Workshop;
use reprise_operator::leader::{Candidate, DURATION, RENEWAL};
use reprise_operator::metrics::Metrics;
use reprise_operator::polling::Polling;
use reprise_operator::server::{Readiness, router};
use tokio::sync::watch;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Result<()> {
    let configuration = Configuration::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt().json().with_env_filter(filter).init();
    let context = Arc::new(connect(&configuration).await?);
    let (readiness, (tell, stop)) = (Arc::new(Readiness::default()), watch::channel(false));
    let listener = tokio::net::TcpListener::bind(configuration.listen).await?;
    tracing::info!(listen = %configuration.listen, cluster = context.cluster_uid, "up");
    let server = axum::serve(listener, router(context.clone(), readiness.clone()));
    tokio::spawn(async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "the server of metrics ended");
        }
    });
    tokio::spawn(signals(tell));
    if configuration.leader_election {
        lead(&configuration, context, readiness, stop).await
    } else {
        context.metrics.leads(true);
        work(&configuration, context, &readiness, stop).await;
        Ok(())
    }
}

/// Connects to the cluster that this runs in, or to the kubeconfig's.
async fn connect(configuration: &Configuration) -> Result<Context> {
    let mut config = Config::infer().await?;
    // Every failed look is tried again as a whole, from what is true then.
    config.default_retry = false;
    config.connect_timeout = Some(Duration::from_secs(configuration.request_seconds));
    let client = Client::try_from(config)?;
    let system = Api::<Namespace>::all(client.clone()).get("kube-system").await?;
    let patience = Patience { tries: 2, attempt: Duration::from_secs(10), total: Duration::from_secs(20), ..Patience::default() };
    Ok(Context {
        client,
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
        clock: Arc::new(|| Timestamp::try_from(std::time::SystemTime::now()).unwrap_or(Timestamp::UNIX_EPOCH)),
        cluster_uid: system.metadata.uid.unwrap_or_default(),
        workshop: Workshop {
            image: configuration.worker_image.clone(),
            account: configuration.worker_account.clone(),
            gcs_endpoint: configuration.gcs_endpoint.clone(),
        },
        buckets: Buckets::new(Options { gcs_endpoint: configuration.gcs_endpoint.clone(), patience, ..Options::default() }),
        patience: Duration::from_secs(configuration.request_seconds),
        metrics: Metrics::default(),
        waiting: Waiting::default(),
        polling: Polling::default(),
    })
}

/// Looks at runs until told to stop.
async fn work(configuration: &Configuration, context: Arc<Context>, readiness: &Readiness, stop: watch::Receiver<bool>) {
    let scope = Scope { namespace: configuration.watch_namespace.clone(), concurrency: configuration.concurrency };
    let training = control::<TrainingRun>(context.clone(), scope.clone(), stop.clone(), || readiness.listed());
    let scoring = control::<ScoringRun>(context, scope, stop, || readiness.listed());
    futures::join!(training, scoring);
}

/// Waits for the Lease, works while it holds it, and ends when it is lost: a fresh process is the simplest follower.
async fn lead(configuration: &Configuration, context: Arc<Context>, readiness: Arc<Readiness>, stop: watch::Receiver<bool>) -> Result<()> {
    let mut candidate = Candidate::new(context.client.clone(), &configuration.lease_namespace, &configuration.identity);
    let mut told = stop.clone();
    let clock = context.clock.clone();
    while !hold(&mut candidate, &clock).await {
        readiness.stands_by(true);
        tokio::select! {
            _ = told.wait_for(|stop| *stop) => return Ok(()),
            () = tokio::time::sleep(RENEWAL) => {}
        }
    }
    tracing::info!(identity = configuration.identity, "holds the Lease");
    context.metrics.leads(true);
    readiness.stands_by(false);
    let mut working = std::pin::pin!(work(configuration, context.clone(), &readiness, stop));
    let mut renewed = Instant::now();
    loop {
        tokio::select! {
            () = &mut working => break,
            () = tokio::time::sleep(RENEWAL) => {
                if hold(&mut candidate, &clock).await {
                    renewed = Instant::now();
                } else if renewed.elapsed() + RENEWAL >= DURATION {
                    return Err("the Lease was lost".into());
                }
            }
        }
    }
    candidate.release().await?;
    Ok(())
}

async fn hold(candidate: &mut Candidate, clock: &reprise_operator::context::Clock) -> bool {
    match tokio::time::timeout(RENEWAL, candidate.hold(Instant::now(), clock())).await {
        Ok(Ok(held)) => held,
        Ok(Err(error)) => {
            tracing::warn!(%error, "the Lease can't be read or written");
            false
        }
        Err(_) => false,
    }
}

async fn signals(tell: watch::Sender<bool>) {
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => futures::future::pending().await,
        }
    };
    tokio::select! {
        () = terminate => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    tracing::info!("stops");
    let _ = tell.send(true);
}
