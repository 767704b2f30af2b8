"""Descriptions of what a person does, given by a vision-language model or by an operator."""
