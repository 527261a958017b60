"""The second process: opens the database, continues a conversation, and knows what was said before.

AGNODB_URL=sqlite:///demo.db python -m agnodb.demo.continue_ --user alice --session alice-tea-1f0a3c
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys

from agno.db.base import SessionType

from agnodb.demo.conversations import concierge
from agnodb.demo.stage import Complaints, DemoError, Stage, check, narrator, open_database, talk


async def continued(stage: Stage, user: str, session: str) -> None:
    """Ask for what was said in the first process."""
    before = await stage.db.get_session(session, SessionType.AGENT, user_id=user)
    check(before is not None and before.runs, f"the database knows session {session}")
    agent = concierge(stage)
    answer = await talk(stage, agent, user, session, "What is my name?")
    check(answer == f"Your name is {user.title()}.", f"the agent remembers the name ({answer})")
    answer = await talk(stage, agent, user, session, "What did I say?")
    check("I like green tea" in answer, f"the agent remembers the first message ({answer})")
    after = await stage.db.get_session(session, SessionType.AGENT, user_id=user)
    check(len(after.runs) == len(before.runs) + 2, "the two new runs follow the old ones")
    check(after.session_data["session_state"]["basket"] == {"teapot": 2}, "the session's state is still there")


async def main() -> None:
    """Continue the conversation that the arguments name; exits non-zero when it was forgotten."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--user", required=True)
    parser.add_argument("--session", required=True)
    arguments = parser.parse_args()
    complaints = Complaints()
    complaints.listen()
    url = os.environ["AGNODB_URL"]
    async with open_database(url) as db:
        await continued(Stage(db, url, narrator()), arguments.user, arguments.session)
    complaints.check()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except DemoError as error:
        sys.exit(f"The demo failed. {error}")
