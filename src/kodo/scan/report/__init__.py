"""What a scan found, told: as text, as JSON, as SARIF 2.1.0."""
