"""The dataset about itself: VoID, DCAT-AP, service description, citation. Every number is that of a version."""
