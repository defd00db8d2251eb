"""`symphony doctor`: check this machine and say how to mend what is missing. Changes nothing."""

from __future__ import annotations

import click

from symphony.cli.session import Session, options
from symphony.cli.text import clean


@click.command()
@options(chain=True, keys=True)
def doctor(session: Session) -> None:
    """Check this machine; each finding has a fix.

    Exit code 1 if something that Symphony cannot run without is missing; warnings are optional parts.
    """
    from symphony.cli import checkup

    settings, flags = session.settings, session.flags
    with session.out.working("looking around"):
        findings = [
            *checkup.machine(),
            *checkup.model(),
            *checkup.files(settings.data_dir, settings.keystore),
            *checkup.ports(),
            *checkup.chain(
                settings.rpc_url,
                settings.deployment_path,
                required=flags.rpc is not None or settings.api_url is not None,
            ),
        ]
    failed = [finding for finding in findings if finding.status == "fail"]
    warned = [finding for finding in findings if finding.status == "warn"]
    lines = []
    for finding in findings:
        lines.append(f"{finding.status:<5} {finding.name:<26} {clean(finding.detail)}")
        lines += [f"      -> {clean(finding.fix)}"] if finding.fix else []
    lines.append(f"\n{len(findings)} checks: {len(failed)} failed, {len(warned)} warnings")
    next_step = "mend what failed, then run it again" if failed else "make demo, or `symphony up`"
    session.out.result({"ok": not failed, "findings": findings}, lines, next_step)
    if failed:
        click.get_current_context().exit(1)
