"""What is kept of the scene beside an event: pictures, heat maps, clips."""
