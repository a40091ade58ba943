"""What teachers give: labels, maps, centers, a language model."""
