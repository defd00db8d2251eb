"""The timeline of a task: its events and its deadlines in one order, each with a sentence. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from api.explorer.filters import ether
from api.schema.chain import Event
from api.schema.task import Deadline, TaskDetail
from api.words import EVENT_WORDS, OPEN_STATES, SKIP_WORDS


@dataclass(frozen=True)
class Moment:
    """One entry: an event of the chain, or a deadline."""

    at_s: int
    title: str
    detail: str
    event: Event | None = None
    deadline: Deadline | None = None


def story_of(task: TaskDetail) -> list[Moment]:
    """Events in chain order; deadlines of a running task where they fall, those of a closed one left out."""
    moments = [
        Moment(event.block.timestamp_s, EVENT_WORDS.get(event.name, event.name), _detail(event), event=event)
        for event in task.timeline
    ]
    if task.state in OPEN_STATES:
        moments += [Moment(d.at_s, f"{d.label} close", "", deadline=d) for d in task.deadlines]
    return sorted(moments, key=lambda moment: moment.at_s)  # stable: events keep their chain order


def _detail(event: Event) -> str:
    data = event.data
    match event.name:
        case "BidPosted":
            confidence = data["confidence_bps"] / 100
            return f"agent {event.agent_id} asks {ether(int(data['price_wei']))} ETH, {confidence:g} % confident"
        case "BidSkipped":
            return f"agent {event.agent_id}: {SKIP_WORDS.get(data['reason'], data['reason'])}"
        case "TaskAwarded":
            agents = ", ".join(str(seat["agent_id"]) for seat in data["seats"])
            return f"to agents {agents} at {ether(int(data['price_wei']))} ETH a seat"
        case "AnswerCommitted" | "AnswerRevealed":
            return f"agent {event.agent_id}, seat {data['seat']}"
        case "TaskSettled":
            return str(data["outcome"]).lower()
        case _:
            return ""
