#!/usr/bin/env python3
"""Writes digests.json: the digests of section "contract", computed by another implementation.

Nothing here is shared with the crate: json and hashlib only. For these documents (ASCII keys, integers, no floats)
json.dumps with sorted keys and no spaces is RFC 8785.

Run: python3 digests.py > digests.json
"""

import hashlib
import json


def digest(document):
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def no_and_se():
    """The two markets of the source, in the order of their names."""
    return [
        {"name": "NO", "timeZone": "Europe/Oslo", "currency": "NOK", "path": "no/"},
        {"name": "SE", "timeZone": "Europe/Stockholm", "currency": "SEK", "path": "se/"},
    ]


def source(markets):
    """The source as the request holds it: sets sorted, defaults left out."""
    return {
        "location": "gs://acme-crm/",
        "markets": markets,
        "files": [
            {"name": "people", "path": "customers.csv", "csv": {}},
            {
                "name": "sales",
                "path": "sales-*.csv.zst",
                "csv": {"delimiter": ";", "timestampFormat": "%d/%m/%Y %H:%M"},
                "columns": [{"name": "amount", "type": "Decimal"}, {"name": "sold_at", "type": "Timestamp"}],
            },
        ],
        "views": [
            {"name": "transactions", "sql": "SELECT * FROM sales WHERE store <> 'Åre'"},
            {"name": "customers", "sql": "SELECT * FROM people"},
        ],
        "attributes": [{"column": "skin_type", "kind": "Category", "known": "AtFirstPurchase"}],
        "quarantine": {"maxShare": "0.005"},
        "settleDays": 2,
        "maxAgeDays": 4,
    }


NO = no_and_se()[:1]

# Everything that has a default has it: the smallest request.
smallest = {
    "kind": "TrainingRun",
    "geography": "NO",
    "source": source(NO),
    "data": {"markets": ["NO"]},
    "model": {"intent": {}},
}

# Nothing has its default.
largest = {
    "kind": "TrainingRun",
    "geography": "EMEA",
    "source": source(no_and_se()),
    "data": {"markets": ["NO", "SE"], "asOf": "2011-05-31", "historyDays": 730},
    "model": {"recommender": {"embedding": 96, "hidden": 192, "epochs": 10, "popularity": {"tau": "0.4"}}},
    "startFrom": {"runRef": {"requestDigest": digest(smallest)}},
    "workers": 2,
    "seed": 7,
    "rerunToken": "again-1",
}

release = {
    "kind": "TrainingRun",
    "geography": "NO",
    "source": source(NO),
    "data": {"markets": ["NO"]},
    "model": {"intent": {"horizonWeeks": 39, "keyPeriodWeeks": 3}},
    "startFrom": {"releaseRef": {"geography": "EMEA", "name": "live"}},
}

scoring = {
    "kind": "ScoringRun",
    "geography": "NO",
    "source": source(NO),
    "data": {"markets": ["NO"], "asOf": "2011-05-31"},
    "models": {
        "intent": {"runRef": {"requestDigest": digest(smallest)}},
        "recommender": {"artifact": {"digest": "0" * 64}},
    },
    "audience": {
        "stage": "AfterWelcome",
        "welcomeDays": 60,
        "where": "store_id IS NOT NULL",
        "notContactedForDays": 14,
        "exclude": ["employee", "reseller"],
    },
    "select": {"by": "P90", "top": 20000},
    "contact": {"leadTimeDays": 5, "channels": [{"name": "email", "capacity": 20000}, {"name": "call", "capacity": 300}]},
    "recommendations": {"popularity": {"targetCoverage": "0.6"}, "excludeOwned": False},
    "experiment": {"name": "second-purchase", "salt": "2011", "control": 10, "untimed": 10, "businessRule": 10},
}

data = {
    "source": source(NO),
    "markets": ["NO"],
    "inputs": [
        {"name": "no/customers.csv", "length": 120, "crc32c": 4294967295},
        {"name": "no/sales-2010.csv.zst", "length": 9007199254740991, "crc32c": 7},
    ],
    "asOf": "2011-05-31",
    "dataRecipe": 1,
}

data_without_as_of = {key: value for key, value in data.items() if key != "asOf"}

identity = {
    "requestDigest": digest(scoring),
    "dataDigest": digest(data),
    "models": {"intent": "1" * 64, "recommender": "0" * 64},
    "recipe": 1,
}

identity_without_models = {
    "requestDigest": digest(smallest),
    "dataDigest": digest(data),
    "models": {},
    "recipe": 1,
}

documents = {
    "smallest": smallest,
    "largest": largest,
    "release": release,
    "scoring": scoring,
    "data": data,
    "dataWithoutAsOf": data_without_as_of,
    "identity": identity,
    "identityWithoutModels": identity_without_models,
}

print(json.dumps({name: digest(document) for name, document in documents.items()}, indent=2))
