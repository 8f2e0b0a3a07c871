//! The objects, their versions and their history.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Which object: group, resource, namespace, name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id {
    /// The API group; empty for the core.
    pub group: String,
    /// The resource in the plural.
    pub resource: String,
    /// The namespace; empty for what has none.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl Id {
    /// An object of a group.
    pub fn new(group: &str, resource: &str, namespace: &str, name: &str) -> Self {
        Self { group: group.to_owned(), resource: resource.to_owned(), namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

/// A change, as a watch tells it.
#[derive(Clone, Debug)]
pub struct Change {
    /// The version that it made.
    pub version: u64,
    /// ADDED, MODIFIED or DELETED.
    pub kind: &'static str,
    /// Which object.
    pub id: Id,
    /// The object after it; before it, if it was deleted.
    pub object: Value,
    /// The object before it; null if it was made.
    pub before: Value,
}

/// The objects, their versions and their history.
#[derive(Debug, Default)]
pub struct Store {
    pub(super) objects: BTreeMap<Id, Value>,
    pub(super) history: Vec<Change>,
    pub(super) version: u64,
    uids: u64,
    /// Seconds since 1970.
    pub now: i64,
}

impl Store {
    /// An object.
    pub fn get(&self, id: &Id) -> Option<&Value> {
        self.objects.get(id)
    }

    /// All objects of a resource, in order.
    pub fn all<'a>(&'a self, group: &'a str, resource: &'a str) -> impl Iterator<Item = (&'a Id, &'a Value)> {
        self.objects.iter().filter(move |(id, _)| id.group == group && id.resource == resource)
    }

    /// Every change since the beginning.
    pub fn history(&self) -> &[Change] {
        &self.history
    }

    /// The version of the newest change.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// A moment in RFC 3339, so many seconds from now.
    pub fn time(&self, after: i64) -> String {
        jiff::Timestamp::from_second(self.now + after).map(|time| time.to_string()).unwrap_or_default()
    }

    /// Makes an object: uid, version, creation time and generation are the server's.
    pub fn create(&mut self, id: Id, mut object: Value) -> Value {
        self.uids += 1;
        let time = self.time(0);
        let meta = &mut object["metadata"];
        meta["name"] = json!(id.name);
        if !id.namespace.is_empty() {
            meta["namespace"] = json!(id.namespace);
        }
        meta["uid"] = json!(format!("00000000-0000-4000-8000-{:012}", self.uids));
        meta["creationTimestamp"] = json!(time);
        meta["generation"] = json!(1);
        self.put("ADDED", id, object)
    }

    /// Replaces an object by a changed one; nothing happens where nothing differs. The generation counts changes of spec.
    /// What was only waiting for its finalizers goes.
    pub fn replace(&mut self, id: &Id, mut object: Value) -> Value {
        let Some(before) = self.objects.get(id) else { return object };
        if waits(before) && !waits(&object) && !object["metadata"]["deletionTimestamp"].is_null() {
            self.remove(id);
            return object;
        }
        object["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"].clone();
        if object == *before {
            return object;
        }
        if object["spec"] != before["spec"] {
            let generation = before["metadata"]["generation"].as_i64().unwrap_or(0) + 1;
            object["metadata"]["generation"] = json!(generation);
        }
        self.put("MODIFIED", id.clone(), object)
    }

    /// Changes an object in place, as a controller of the cluster would; nothing if it is not there.
    pub fn change(&mut self, id: &Id, change: impl FnOnce(&mut Value)) {
        if let Some(mut object) = self.objects.get(id).cloned() {
            change(&mut object);
            self.replace(id, object);
        }
    }

    /// Deletes as a client asks: what has finalizers waits for them, a pod that runs on a node gets its grace, everything
    /// else goes at once, and takes what it owns. What waits is returned.
    pub fn delete(&mut self, id: &Id, grace: Option<i64>) -> Option<Value> {
        let object = self.objects.get(id)?;
        let declared = object["spec"]["terminationGracePeriodSeconds"].as_i64().unwrap_or(30);
        let is_over = matches!(object["status"]["phase"].as_str(), Some("Failed" | "Succeeded"));
        let runs = id.resource == "pods" && !object["spec"]["nodeName"].is_null() && !is_over;
        let grace = if runs { grace.unwrap_or(declared) } else { 0 };
        if grace == 0 && !waits(object) {
            self.remove(id);
            return None;
        }
        if object["metadata"]["deletionTimestamp"].is_null() {
            let ends = self.time(grace);
            let generation = object["metadata"]["generation"].as_i64().unwrap_or(0) + 1;
            self.change(id, |object| {
                object["metadata"]["deletionTimestamp"] = json!(ends);
                object["metadata"]["deletionGracePeriodSeconds"] = json!(grace);
                object["metadata"]["generation"] = json!(generation);
            });
        }
        self.objects.get(id).cloned()
    }

    /// Removes an object and, as the garbage collector would, what it owned.
    pub fn remove(&mut self, id: &Id) {
        let Some(object) = self.objects.remove(id) else { return };
        self.version += 1;
        self.history.push(Change {
            version: self.version,
            kind: "DELETED",
            id: id.clone(),
            before: object.clone(),
            object: object.clone(),
        });
        let uid = &object["metadata"]["uid"];
        let owned: Vec<Id> = self
            .objects
            .iter()
            .filter(|(_, child)| {
                child["metadata"]["ownerReferences"].as_array().is_some_and(|all| all.iter().any(|owner| owner["uid"] == *uid))
            })
            .map(|(id, _)| id.clone())
            .collect();
        for child in owned {
            drop(self.delete(&child, None));
        }
        if id.resource == "namespaces" {
            let inside: Vec<Id> = self.objects.keys().filter(|other| other.namespace == id.name).cloned().collect();
            for id in &inside {
                self.remove(id);
            }
        }
    }

    fn put(&mut self, kind: &'static str, id: Id, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let before = self.objects.insert(id.clone(), object.clone()).unwrap_or(Value::Null);
        self.history.push(Change { version: self.version, kind, id, before, object: object.clone() });
        object
    }
}

/// Whether a deletion of it waits for somebody: for finalizers, which of a namespace stand in spec.
fn waits(object: &Value) -> bool {
    let some = |list: &Value| list.as_array().is_some_and(|list| !list.is_empty());
    some(&object["metadata"]["finalizers"]) || (object["kind"] == "Namespace" && some(&object["spec"]["finalizers"]))
}
