//! The Job as it reaches the API server, whole: nothing of it is redacted but what time makes.

use serde_json::Value;

use crate::cluster::job_id;
use crate::scenarios::{ALL, tell};

async fn job_of(story: &str, run: &str) -> Value {
    let scenario = ALL.iter().find(|scenario| scenario.name == story).unwrap();
    let cluster = tell(scenario, |_| ()).await;
    let mut job = cluster.server.edit(|store| store.get(&job_id(&format!("{run}-1"))).cloned()).unwrap();
    job.as_object_mut().unwrap().remove("status");
    for field in ["creationTimestamp", "resourceVersion", "generation"] {
        job["metadata"].as_object_mut().unwrap().remove(field);
    }
    job
}

#[tokio::test]
async fn the_job_of_a_training_run() {
    insta::assert_snapshot!(serde_yaml::to_string(&job_of("run to success", "a").await).unwrap());
}

#[tokio::test]
async fn the_job_of_a_scoring_run() {
    insta::assert_snapshot!(serde_yaml::to_string(&job_of("scoring waits for training", "plan").await).unwrap());
}
