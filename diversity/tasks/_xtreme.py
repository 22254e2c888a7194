"""The benchmark's copy on the Hugging Face hub, which holds eight of the nine targets."""

XTREME = "google/xtreme@ec5f1f46e9af79639a90684a7a70a956c4998f04"
