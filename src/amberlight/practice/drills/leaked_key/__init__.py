"""A leaked key: somebody finds the access key of a build agent, and ends as administrator of the account.

The key may only look around; making a user is denied to it. The automation role, which it may assume, is allowed
everything: so a new administrator appears, with a key of its own. It starts miners in a Region that nobody uses, brings
a beacon to the web server through Systems Manager, stops the trail and copies the customers' bucket object by object.
A deploy pipeline, an administrator and the web server itself go about their business before, during and after.

What it trains: to notice by the event history when the trail is silent; to take memory and packets before they are
gone; to take identity and configuration in every Region.
"""

from amberlight.practice.drill import Drill
from amberlight.practice.drills.leaked_key.scenery import dress

DRILL = Drill(
    id="leaked_key",
    title="A leaked key becomes an administrator",
    techniques=("T1078.004", "T1087.004", "T1136.003", "T1098.001", "T1651", "T1496", "T1562.008", "T1530", "T1071"),
    needs=("real hosts", "event history", "trail files", "systems manager", "alarm to queue"),
    dress=dress,
    actors="amberlight.practice.drills.leaked_key",
)
