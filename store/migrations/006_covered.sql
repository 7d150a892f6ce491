-- Whether the product declared that its log shows every use, when the analysis was asked for.
ALTER TABLE analyses ADD COLUMN covered BOOLEAN DEFAULT false;
