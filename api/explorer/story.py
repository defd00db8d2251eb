"""The timeline of a task: its events and its deadlines in one order, each with a sentence. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from api.explorer.filters import money
from api.schema.chain import Event
from api.schema.task import Deadline, TaskDetail
from api.tokens import Token
from api.words import EVENT_WORDS, OPEN_STATES, SKIP_WORDS


@dataclass(frozen=True)
class Moment:
    """One entry: an event of the chain, or a deadline."""

    at_s: int
    title: str
    detail: str
    event: Event | None = None
    deadline: Deadline | None = None


def story_of(task: TaskDetail, token: Token) -> list[Moment]:
    """Events in chain order; deadlines of a running task where they fall, those of a closed one left out."""
    moments = [
        Moment(event.block.timestamp_s, EVENT_WORDS.get(event.name, event.name), _detail(event, token), event=event)
        for event in task.timeline
    ]
    if task.state in OPEN_STATES:
        moments += [Moment(d.at_s, f"{d.label} close", "", deadline=d) for d in task.deadlines]
    return sorted(moments, key=lambda moment: moment.at_s)  # stable: events keep their chain order


def _detail(event: Event, token: Token) -> str:
    data = event.data
    match event.name:
        case "BidPosted":
            confidence = data["confidence_bps"] / 100
            return f"agent {event.agent_id} asks {money(int(data['price_wei']), token)}, {confidence:g} % confident"
        case "BidSkipped":
            return f"agent {event.agent_id}: {SKIP_WORDS.get(data['reason'], data['reason'])}"
        case "TaskAwarded":
            agents = ", ".join(str(seat["agent_id"]) for seat in data["seats"])
            return f"to agents {agents} at {money(int(data['price_wei']), token)} a seat"
        case "SeatTaken":
            return f"by agent {event.agent_id}, at the ceiling"
        case "PlanRevealed":
            return f"agent {event.agent_id}, seat {data['seat']}: {len(data['children'])} children, weight {data['weight']}"
        case "AnswerCommitted" | "AnswerRevealed":
            return f"agent {event.agent_id}, seat {data['seat']}"
        case "TaskSettled":
            return str(data["outcome"]).lower() + (", by the evaluator's scores" if data["evaluated"] else "")
        case _:
            return ""
