//! The operator may do exactly what it does: the verbs of the manifests against the calls of all stories, both ways.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::manifests::documents;
use crate::scenarios::{ALL, tell};
use crate::watching;

type Right = (String, String, String);

fn granted() -> BTreeSet<Right> {
    let mut rights = BTreeSet::new();
    let texts =
        |value: &Value| -> Vec<String> { value.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect() };
    let roles = documents(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/base/rights.yaml"));
    let roles = roles.iter().filter(|one| matches!(one["kind"].as_str(), Some("ClusterRole" | "Role")));
    for rule in roles.flat_map(|role| role["rules"].as_array().unwrap()) {
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                for verb in texts(&rule["verbs"]) {
                    assert!(rights.insert((group.clone(), resource.clone(), verb.clone())), "{group}/{resource} {verb} is granted twice");
                }
            }
        }
    }
    rights
}

#[tokio::test]
async fn the_operator_may_do_exactly_what_it_does() {
    let mut calls = watching::calls().await;
    for scenario in ALL {
        calls.extend(tell(scenario, |_| ()).await.server.calls());
    }
    let used: BTreeSet<Right> = calls
        .into_iter()
        .map(|call| {
            let separator = if call.address.subresource.is_empty() { "" } else { "/" };
            let resource = format!("{}{separator}{}", call.address.resource, call.address.subresource);
            (call.address.group, resource, call.verb.as_str().to_owned())
        })
        .collect();
    let granted = granted();
    let missing: Vec<_> = used.difference(&granted).collect();
    let idle: Vec<_> = granted.difference(&used).collect();
    assert!(missing.is_empty(), "used and not granted: {missing:#?}");
    assert!(idle.is_empty(), "granted and not used: {idle:#?}");
}
