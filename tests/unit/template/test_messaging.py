"""Every queue has a dead-letter queue and an alarm; every rule reaches queues that let it in."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.template.reading import listed, of_type, statements, target_of

PIPES = ("Ingest", "Feature", "Train", "Register", "Monitor", "Prediction", "Record", "Publish", "Maintain")
QUEUES = tuple(f"{pipe}{kind}" for pipe in PIPES for kind in ("Queue", "Dlq"))
EVENTS = {
    "IngestQueue": {"IngestJobFailedRule"},
    "FeatureQueue": {"DatasetVersionCommittedRule", "AliasMovedRule", "FeatureJobEndedRule"},
    "PublishQueue": {"DatasetVersionCommittedRule"},
    "TrainQueue": {
        "FeatureVersionBuiltRule",
        "DriftDetectedRule",
        "TrainScheduleRule",
        "ReproduceJobEndedRule",
    },
    "RegisterQueue": {"JobEndedRule", "ExperimentSubmittedRule"},
    "MonitorQueue": {"FeatureVersionBuiltRule", "AliasMovedRule", "MonitorScheduleRule"},
    "RecordQueue": {"EverythingRule"},
}


def test_there_are_no_other_queues(resources: dict[str, Any]) -> None:
    assert set(of_type(resources, "AWS::SQS::Queue")) == set(QUEUES)


@pytest.mark.parametrize("pipe", PIPES)
def test_a_message_that_fails_five_times_is_kept_and_raises_an_alarm(
    resources: dict[str, Any], pipe: str
) -> None:
    dead = {"Fn::GetAtt": [f"{pipe}Dlq", "Arn"]}
    alarm = resources[f"{pipe}DlqAlarm"]["Properties"]

    assert resources[f"{pipe}Queue"]["Properties"]["RedrivePolicy"] == {
        "deadLetterTargetArn": dead,
        "maxReceiveCount": 5,
    }
    assert resources[f"{pipe}Dlq"]["Properties"]["MessageRetentionPeriod"] == 14 * 24 * 3600
    assert alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
    assert alarm["Dimensions"] == [
        {"Name": "QueueName", "Value": {"Fn::GetAtt": [f"{pipe}Dlq", "QueueName"]}}
    ]
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", 0)
    assert alarm["AlarmActions"] == [{"Ref": "AlarmTopic"}]


@pytest.mark.parametrize("queue", QUEUES)
def test_a_queue_is_encrypted_and_reached_over_tls_alone(resources: dict[str, Any], queue: str) -> None:
    policy = resources[f"{queue}Policy"]["Properties"]
    refusal = statements(policy)[0]

    assert resources[queue]["Properties"]["SqsManagedSseEnabled"] is True
    assert policy["Queues"] == [{"Ref": queue}]
    assert (refusal["Effect"], refusal["Principal"], refusal["Action"]) == ("Deny", "*", "sqs:*")
    assert refusal["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize("queue", QUEUES)
def test_who_may_send_is_named_by_source(resources: dict[str, Any], queue: str) -> None:
    for statement in statements(resources[f"{queue}Policy"]["Properties"])[1:]:
        assert statement["Action"] == "sqs:SendMessage"
        assert list(statement["Principal"]) == ["Service"]
        assert "aws:SourceArn" in statement["Condition"]["ArnEquals"]


@pytest.mark.parametrize("queue", EVENTS)
def test_a_queue_hears_its_events_and_no_others(resources: dict[str, Any], queue: str) -> None:
    heard = {
        name
        for name, rule in of_type(resources, "AWS::Events::Rule").items()
        if any(target_of(target["Arn"]) == queue for target in rule["Targets"])
    }

    assert heard == EVENTS[queue]


def test_every_target_and_its_dead_letter_queue_let_the_rule_in(resources: dict[str, Any]) -> None:
    def senders(queue: str) -> set[str]:
        found = statements(resources[f"{queue}Policy"]["Properties"])
        return {
            target_of(arn)
            for statement in found
            if statement["Principal"] == {"Service": "events.amazonaws.com"}
            for arn in listed(statement["Condition"]["ArnEquals"]["aws:SourceArn"])
        }

    targets = [
        (name, target)
        for name, rule in of_type(resources, "AWS::Events::Rule").items()
        for target in rule["Targets"]
    ]

    assert len(targets) == 15
    for rule, target in targets:
        assert rule in senders(target_of(target["Arn"]))
        assert rule in senders(target_of(target["DeadLetterConfig"]["Arn"]))


def test_rules_listen_to_what_the_architecture_says(resources: dict[str, Any]) -> None:
    rules = of_type(resources, "AWS::Events::Rule")

    for name in (
        *("DatasetVersionCommitted", "FeatureVersionBuilt", "AliasMoved"),
        *("DriftDetected", "ExperimentSubmitted"),
    ):
        rule = rules[f"{name}Rule"]
        assert rule["EventBusName"] == {"Ref": "Bus"}
        assert rule["EventPattern"] == {"source": ["headgate"], "detail-type": [name]}
    assert rules["EverythingRule"]["EventPattern"] == {"source": ["headgate"]}
    for name in ("MonitorScheduleRule", "TrainScheduleRule"):
        assert rules[name]["ScheduleExpression"] == "rate(1 hour)"


def test_only_jobs_of_this_stack_that_ended_reach_register(resources: dict[str, Any]) -> None:
    rule = resources["JobEndedRule"]["Properties"]

    assert "EventBusName" not in rule, "AWS Batch speaks on the default bus"
    assert rule["EventPattern"] == {
        "source": ["aws.batch"],
        "detail-type": ["Batch Job State Change"],
        "detail": {
            "status": ["SUCCEEDED", "FAILED"],
            "jobQueue": [
                {"Ref": "CpuJobQueue"},
                *(
                    {"Fn::If": [condition, {"Ref": f"{kind}JobQueue"}, {"Ref": "AWS::NoValue"}]}
                    for condition, kind in (("OnSpot", "Spot"), ("HasGpu", "Gpu"), ("HasGpu", "MultiNode"))
                ),
            ],
            "parameters": {"run_spec": [{"exists": True}]},
        },
    }


def test_an_ingest_job_that_failed_is_told_to_ingest_and_to_nobody_else(resources: dict[str, Any]) -> None:
    rule = resources["IngestJobFailedRule"]["Properties"]

    assert rule["EventPattern"]["detail"] == {
        "status": ["FAILED"],
        "jobQueue": [{"Ref": "CpuJobQueue"}],
        "parameters": {"drop": [{"exists": True}]},
    }


def test_the_end_of_a_features_job_is_told_to_who_handed_it_over(resources: dict[str, Any]) -> None:
    rule = resources["FeatureJobEndedRule"]["Properties"]

    assert rule["EventPattern"]["detail"] == {
        "status": ["SUCCEEDED", "FAILED"],
        "jobQueue": [{"Ref": "CpuJobQueue"}],
        "parameters": {"build": [{"exists": True}]},
    }


def test_the_end_of_a_reproduction_s_first_job_is_told_to_who_submitted_it(resources: dict[str, Any]) -> None:
    rule = resources["ReproduceJobEndedRule"]["Properties"]

    assert rule["EventPattern"]["detail"] == {
        "status": ["SUCCEEDED", "FAILED"],
        "jobQueue": [{"Ref": "CpuJobQueue"}],
        "parameters": {"reproduction": [{"exists": True}]},
    }


def test_a_message_stays_hidden_for_six_times_as_long_as_its_function_may_take(
    resources: dict[str, Any], functions: dict[str, dict[str, Any]]
) -> None:
    sources = [
        (function, event["Properties"])
        for function in functions.values()
        for event in function.get("Events", {}).values()
    ]

    assert {target_of(source["Queue"]) for _, source in sources} == {f"{pipe}Queue" for pipe in PIPES}
    for function, source in sources:
        queue = resources[target_of(source["Queue"])]["Properties"]
        assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]
        assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
