"""Trees of /sys, /etc and /var as boards show them, from NVIDIA's documentation and people's published logs.

Nothing here was recorded by us: we have no board. What logs agree on is kept, their numbers are examples.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

NVPMODEL = """\
###########################
# POWER_MODEL DEFINITIONS #
###########################

# MAXN_SUPER is the NONE power model to release all constraints
# < POWER_MODEL ID=9 NAME=COMMENTED_OUT >
< POWER_MODEL ID=0 NAME=15W >
CPU_ONLINE CORE_0 1
GPU MAX_FREQ 612000000

< POWER_MODEL ID=1 NAME=25W >
CPU_ONLINE CORE_0 1

< POWER_MODEL ID=2 NAME=MAXN_SUPER >
CPU_ONLINE CORE_0 1

< PM_CONFIG DEFAULT=1 >
"""

ORIN = {
    "etc/nvpmodel.conf": NVPMODEL,
    "var/lib/nvpmodel/status": "pmode:0002\n",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "51250\n",
    "sys/class/thermal/thermal_zone0/trip_point_0_type": "passive\n",
    "sys/class/thermal/thermal_zone0/trip_point_0_temp": "99000\n",
    "sys/class/thermal/thermal_zone0/trip_point_1_type": "critical\n",
    "sys/class/thermal/thermal_zone0/trip_point_1_temp": "104500\n",
    "sys/class/thermal/thermal_zone1/type": "gpu-thermal\n",
    "sys/class/thermal/thermal_zone1/temp": "48968\n",
    "sys/class/thermal/thermal_zone1/trip_point_0_type": "passive\n",
    "sys/class/thermal/thermal_zone1/trip_point_0_temp": "99000\n",
    "sys/class/thermal/thermal_zone8/type": "tj-thermal\n",
    "sys/class/thermal/thermal_zone8/temp": "51250\n",
    "sys/class/thermal/thermal_zone8/trip_point_0_type": "active\n",
    "sys/class/thermal/thermal_zone8/trip_point_0_temp": "51000\n",
    "sys/class/thermal/cooling_device0/type": "cpufreq-cpu0\n",
    "sys/class/thermal/cooling_device0/cur_state": "0\n",
    "sys/class/thermal/cooling_device2/type": "devfreq-17000000.gpu\n",
    "sys/class/thermal/cooling_device2/cur_state": "0\n",
    "sys/class/thermal/cooling_device3/type": "pwm-fan\n",
    "sys/class/thermal/cooling_device3/cur_state": "2\n",
    "sys/class/thermal/cooling_device4/type": "cpu-throttle-alert\n",
    "sys/class/thermal/cooling_device4/cur_state": "0\n",
    "sys/class/thermal/cooling_device12/type": "hot-surface-alert\n",
    "sys/class/thermal/cooling_device12/cur_state": "1\n",
    "sys/class/hwmon/hwmon3/name": "soctherm_oc\n",
    "sys/class/hwmon/hwmon3/oc1_event_cnt": "0\n",
    "sys/class/hwmon/hwmon3/oc2_event_cnt": "15\n",
    "sys/class/hwmon/hwmon3/oc3_event_cnt": "37\n",
    "sys/class/devfreq/17000000.gpu/device/load": "437\n",
}

THOR = {
    "etc/nvpmodel.conf": "< POWER_MODEL ID=0 NAME=MAXN >\n"
    "< POWER_MODEL ID=1 NAME=120W >\n< PM_CONFIG DEFAULT=1 >\n",
    **{
        f"sys/class/thermal/thermal_zone{place}/{file}": content
        for place, (name, temperature) in enumerate(
            [
                ("cpu-thermal", "53700"),
                ("gpu-thermal", ""),  # the GPU sleeps: reading it fails
                ("soc012-thermal", "55100"),
                ("soc345-thermal", "53700"),
                ("tj-thermal", "55100"),
            ]
        )
        for file, content in {
            "type": f"{name}\n",
            "temp": temperature,
            "trip_point_0_type": "critical\n",
            "trip_point_0_temp": "114500\n",
        }.items()
    },
    "sys/class/thermal/cooling_device8/type": "cpu-throttle-alert\n",
    "sys/class/thermal/cooling_device8/cur_state": "0\n",
    "sys/class/thermal/cooling_device9/type": "gpu-throttle-alert\n",
    "sys/class/thermal/cooling_device9/cur_state": "1\n",
    "sys/class/thermal/cooling_device12/type": "devfreq-gpu-gpc-0\n",
    "sys/class/thermal/cooling_device12/cur_state": "18\n",
    "sys/class/hwmon/hwmon5/name": "soctherm_oc\n",
    "sys/class/hwmon/hwmon5/oc3_event_cnt": "0\n",
    "sys/class/devfreq/gpu-gpc-0/cur_freq": "1575000000\n",
}


def lay_out(root: Path, tree: Mapping[str, str]) -> Path:
    """Write a tree below `root`."""
    for name, content in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root
